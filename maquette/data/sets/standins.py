"""Stand-ins for data sets that cannot be had: made by a formula, or taken from what our dependencies ship."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from maquette.data.pictures.files import read_picture, write_picture
from maquette.data.pictures.idx import write_idx
from maquette.data.sets.dialogues import write_dialogues
from maquette.data.sets.eliza import COURSE, LISTENER
from maquette.data.sets.letters import letters
from maquette.data.sets.sentences import write_sentences
from maquette.data.sets.shape_set import captioned_shapes, write_shapes
from maquette.data.sets.turntable import write_turntable

VERSIONS = {
    "letters_as_idx": 1,
    "photographs": 1,
    "clay_turntable": 1,
    "no_word_tests": 1,
    "shapes_with_captions": 4,
    "invented_sentences": 2,
    "made_dialogues": 1,
}  # counted up when what they write changes; cached folders carry it
FILES = {  # stand-ins of one file that have a name of their own
    "python_reference": "python_reference.txt",
    "listener_script": "listener.script.txt",
}

BLOCKS = 20_640
HOUSING_COLUMNS = (
    "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income,median_house_value,"
    "ocean_proximity"
)
CAP = 500_001
COAST = np.array(
    [(-124.2, 41.9), (-123.7, 39.0), (-122.5, 37.7), (-121.9, 36.6), (-120.6, 34.6), (-118.5, 34.0), (-117.2, 32.6)]
)
CITIES = np.array([(-118.2, 34.05), (-122.25, 37.75), (-117.1, 32.8), (-121.45, 38.55), (-119.75, 36.75)])
CITY_SHARES = np.array([0.38, 0.24, 0.10, 0.07, 0.06])
PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
MORE = ("china.jpg", "flower.jpg")
CITY_SPREADS = np.array([0.33, 0.30, 0.18, 0.22, 0.30])  # degrees


def simulated_census(path: Path) -> None:
    """A census that never was, in the columns of `housing.csv`: 20,640 blocks, 207 without `total_bedrooms`.

    A coast, two big cities and three smaller ones; income, nearness to the sea and to a city drive the prices (USD),
    capped at 500,001. Income in units of 10,000 USD. The same file every time.
    """
    g = np.random.default_rng(1990)
    longitude, latitude = _places(g)
    sea, city = _distance_to_coast(longitude, latitude), _nearness_to_city(longitude, latitude)

    age = np.clip(np.round(28 + 14 * (city - 0.5) + g.normal(0, 11, BLOCKS)), 1, 52)
    wealth = _smooth_field(longitude, latitude, g)
    income = np.clip(
        np.exp(1.16 + 0.30 * wealth + 0.12 * city - 0.04 * np.minimum(sea, 2) + g.normal(0, 0.38, BLOCKS)),
        0.4999,
        15.0001,
    )
    households = np.clip(np.round(np.exp(6.0 - 0.008 * (age - 28) + g.normal(0, 0.7, BLOCKS))), 2, 6_000)
    rooms = np.maximum(2, np.round(households * np.clip(3.2 + 0.52 * income + g.normal(0, 0.7, BLOCKS), 1.2, 30)))
    bedrooms = np.maximum(1, np.round(households * np.clip(1.06 + g.normal(0, 0.07, BLOCKS), 0.6, 3)))
    people = np.clip(
        3.1 - 0.07 * (income - 3.9) + 0.25 * g.standard_normal(BLOCKS) + 0.4 * g.exponential(0.5, BLOCKS), 1.2, 12
    )
    population = np.maximum(3, np.round(households * people))

    shore = np.exp(-sea / 0.25)
    log_price = 11.66 + 0.52 * np.log(income / 3.0) + 0.72 * shore + 0.55 * city + 0.22 * wealth
    log_price += (
        0.03 * (income - 3.9)
        + 0.10 * np.tanh((age - 35) / 12) * city
        - 0.14 * (people - 3)
        + 0.03 * (rooms / households - 5)
    )
    price = np.exp(log_price + g.normal(0, 0.20, BLOCKS) + 0.05 * g.standard_t(3, BLOCKS))
    price = np.minimum(np.maximum(np.round(price / 100) * 100, 14_999), CAP)

    proximity = np.where(sea > 0.55, "INLAND", "<1H OCEAN").astype(object)
    proximity[(sea < 0.10) & (latitude < 37.2)] = "NEAR OCEAN"
    proximity[(sea < 0.10) & (latitude > 38.4)] = "NEAR OCEAN"
    proximity[np.hypot(longitude + 122.25, (latitude - 37.75) * 1.2) < 0.32] = "NEAR BAY"
    proximity[g.choice(np.flatnonzero(proximity == "NEAR OCEAN"), 5, replace=False)] = "ISLAND"
    bedrooms[g.choice(BLOCKS, 207, replace=False)] = np.nan

    lines = [HOUSING_COLUMNS]
    numbers = zip(longitude, latitude, age, rooms, bedrooms, population, households, income, price, strict=True)
    for row, near in zip(numbers, proximity, strict=True):
        words = [f"{value:.2f}" for value in row[:2]] + [f"{value:.1f}" for value in row[2:7]]
        words[4] = "" if np.isnan(row[4]) else words[4]
        lines.append(",".join([*words, f"{row[7]:.4f}", f"{row[8]:.1f}", near]))
    path.write_bytes(("\n".join(lines) + "\n").encode())


def iris_of_scikit_learn(path: Path) -> None:
    """Fisher's iris as scikit-learn ships it, with names for its columns; read from its files, without importing it."""
    header, *rows = (_folder_of("sklearn") / "datasets" / "data" / "iris.csv").read_text().split()
    species = header.split(",")[2:]
    lines = ["sepal_length,sepal_width,petal_length,petal_width,species"]
    for row in rows:
        *lengths, label = row.split(",")
        lines.append(",".join([*lengths, species[int(label)]]))
    path.write_bytes(("\n".join(lines) + "\n").encode())


def no_word_tests(path: Path) -> None:
    """An empty folder: people's judgements cannot be made up."""
    path.mkdir(parents=True, exist_ok=True)


def listener_script(path: Path) -> None:
    """A script for ELIZA with all that Weizenbaum's has, in words of our own."""
    path.write_text(LISTENER, encoding="utf-8", newline="\n")


def course_script(path: Path) -> None:
    """A script for ELIZA that gives the conversation which the course prints."""
    path.write_text(COURSE, encoding="utf-8", newline="\n")


def nine_measured_points(path: Path) -> None:
    """The course's falling ball: distance in metres and time in seconds, nine times."""
    points = ((0, 0), (5, 1), (5.4, 1), (20, 2), (25, 2.5), (31, 2.6), (34, 2.7), (45, 3), (10, 1.5))
    path.write_bytes(("distance_m,time_s\n" + "".join(f"{d},{t}\n" for d, t in points)).encode())


def letters_as_idx(folder: Path) -> None:
    """10,000 letters A to J to train on and 2,000 to test on, in files as MNIST's; their names in classes.txt."""
    drawn = letters(seed=28, per_class=1_200)
    assert drawn.labels is not None
    folder.mkdir()
    for part, rows in (("train", slice(10_000)), ("t10k", slice(10_000, None))):
        write_idx(folder / f"{part}-images-idx3-ubyte", drawn.pixels[rows, ..., 0])
        write_idx(folder / f"{part}-labels-idx1-ubyte", drawn.labels[rows].astype(np.uint8))
    (folder / "classes.txt").write_text("\n".join(drawn.classes) + "\n", encoding="utf-8", newline="\n")


def photographs(folder: Path) -> None:
    """The photographs that scikit-image and scikit-learn ship, as PNG files."""
    folder.mkdir()
    places = {_folder_of("skimage") / "data": PHOTOGRAPHS, _folder_of("sklearn") / "datasets" / "images": MORE}
    for place, names in places.items():
        for name in names:
            if (place / name).is_file():  # another version may ship fewer
                if name.endswith(".png"):
                    shutil.copyfile(place / name, folder / name)
                else:
                    write_picture((folder / name).with_suffix(".png"), read_picture(place / name))


def python_reference(path: Path) -> None:
    """The language reference as Python ships it for its help, topic by topic: some 465,000 letters of English."""
    path.write_bytes("\n\n".join(topics[name].strip() for name in sorted(topics)).encode() + b"\n")


def clay_turntable(folder: Path) -> None:
    """A clay hare on a turntable, seen by 40 known cameras: pictures with transparency, transforms.json, points.ply."""
    write_turntable(folder)


def shapes_with_captions(folder: Path) -> None:
    """10,080 pictures of shapes, 32 x 32, as one array, with captions; 1,080 of them are for testing."""
    write_shapes(folder, captioned_shapes())


def invented_sentences(folder: Path) -> None:
    """6,500 sentences in English and an invented language, line by line, of which 300 are for testing."""
    write_sentences(folder)


def made_dialogues(folder: Path) -> None:
    """3,300 dialogues with summaries as JSON lines, of which 300 are for testing."""
    write_dialogues(folder)


def _folder_of(package: str) -> Path:
    found = find_spec(package)
    assert found and found.origin, f"{package} is a dependency"
    return Path(found.origin).parent


def _places(g: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (degrees, two decimals) on the land side of the coast."""
    places = np.empty((0, 2))
    while len(places) < BLOCKS:
        which = g.choice(len(CITIES) + 1, BLOCKS, p=[*CITY_SHARES, 1 - CITY_SHARES.sum()])
        near_city = (
            np.vstack([CITIES, CITIES[:1]])[which]
            + g.normal(0, 1, (BLOCKS, 2)) * np.append(CITY_SPREADS, 0)[which, None]
        )
        anywhere = np.column_stack([g.uniform(-124.3, -114.3, BLOCKS), g.uniform(32.55, 41.95, BLOCKS)])
        drawn = np.round(np.where((which == len(CITIES))[:, None], anywhere, near_city), 2)
        places = np.concatenate([places, drawn[_is_land(*drawn.T)]])
    return places[:BLOCKS, 0], places[:BLOCKS, 1]


def _is_land(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    shore = np.interp(latitude, COAST[::-1, 1], COAST[::-1, 0])
    border = np.interp(latitude, [32.5, 35, 39, 42], [-114.3, -114.6, -120.0, -120.0])
    return (longitude > shore) & (longitude < border) & (latitude > 32.5) & (latitude < 42)


def _distance_to_coast(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Degrees of latitude to the nearest piece of the coast."""
    point = np.column_stack([longitude * 0.8, latitude])[:, None]
    start, end = COAST[:-1] * (0.8, 1), COAST[1:] * (0.8, 1)
    along = np.clip(((point - start) * (end - start)).sum(-1) / ((end - start) ** 2).sum(-1), 0, 1)
    return np.linalg.norm(point - start - along[..., None] * (end - start), axis=-1).min(1)


def _nearness_to_city(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """0 far from all, 1 in the middle of one of the two big cities, 0.5 in a smaller one."""
    away = np.hypot((longitude[:, None] - CITIES[:, 0]) * 0.8, latitude[:, None] - CITIES[:, 1])
    return (np.exp(-away / 0.45) * (1, 1, 0.5, 0.5, 0.5)).max(1)


def _smooth_field(longitude: np.ndarray, latitude: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Good and bad quarters: random waves over the map, mean 0 and standard deviation about 1."""
    waves = g.normal(0, 5, (24, 2))
    phases = g.uniform(0, 2 * np.pi, 24)
    return np.sin(np.column_stack([longitude, latitude]) @ waves.T + phases).sum(1) / np.sqrt(12)
