"""What each column is worth to a model that has been trained."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd


def permutation_importance(
    frame: pd.DataFrame,
    columns: Sequence[str],
    loss: Callable[[pd.DataFrame], float],
    generator: np.random.Generator,
    times: int = 3,
) -> dict[str, np.ndarray]:
    """The loss that is added when one column's values are dealt to the rows anew, `times` times: column -> (times,).

    Breiman 2001, section 10. Columns that say the same thing share their worth: dealing one of them costs little.
    """
    before = loss(frame)
    return {
        name: np.array(
            [loss(frame.assign(**{name: generator.permutation(frame[name].to_numpy())})) - before for _ in range(times)]
        )
        for name in columns
    }
