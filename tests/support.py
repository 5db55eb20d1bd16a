"""Tables that several tests use."""

import numpy as np
import pandas as pd


def make_houses(rows: int, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    area = generator.uniform(30, 200, rows).round(1)
    town = generator.choice(["Köln", "Paris", "Oslo"], rows)
    garden = generator.random(rows) < 0.5
    price = 2_000 * area + 50_000 * (town == "Paris") + 30_000 * garden + generator.normal(0, 5_000, rows)
    frame = pd.DataFrame(
        {
            "id": [f"house-{number:05d}" for number in range(rows)],
            "area_m2": area,
            "town": town,
            "garden": np.where(garden, "yes", "no"),
            "built": pd.Timestamp("1950-01-01") + pd.to_timedelta(generator.integers(0, 25_000, rows), unit="D"),
            "price": price.round(2),
        }
    )
    frame.loc[generator.random(rows) < 0.1, "area_m2"] = np.nan
    return frame
