"""The course's housing job from CSV to HTML page, as a user would write it with pandas, seaborn and Keras.

`python keras_housing.py CSV FOLDER [bare]`; `bare` leaves out the baselines and the permutation importance.
"""

import base64
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib
import numpy as np
import pandas as pd
import seaborn
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

matplotlib.use("agg")
import matplotlib.pyplot as plt

TARGET = "median_house_value"
csv, folder, is_bare = Path(sys.argv[1]), Path(sys.argv[2]), "bare" in sys.argv[3:]
folder.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)
page: list[str] = ["<!doctype html><meta charset=utf-8><title>Housing</title><h1>Housing</h1>"]


def show(name: str) -> None:
    """Save the current figure and put it on the page."""
    path = folder / f"{name}.png"
    plt.savefig(path, dpi=100, bbox_inches="tight")
    plt.close("all")
    page.append(f"<h2>{name}</h2><img src='data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}'>")


def scores(truth: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    mse = mean_squared_error(truth, answer)
    return {"mae": mean_absolute_error(truth, answer), "rmse": mse**0.5, "r2": r2_score(truth, answer)}


# look at the data
housing = pd.read_csv(csv)
page.append(housing.describe().to_html())
page.append(housing.isna().sum().to_frame("missing").to_html())
housing = housing.dropna()
strongest = housing.corr(numeric_only=True)[TARGET].abs().sort_values(ascending=False).index[:5]
seaborn.pairplot(housing[list(strongest)].sample(1000, random_state=0), diag_kind="kde")
show("pairs")
housing.hist(bins=50, figsize=(12, 8))
show("distributions")
seaborn.heatmap(housing.corr(numeric_only=True), annot=True, fmt=".2f", cmap="vlag", center=0)
show("correlations")

# split and scale
housing["ocean_proximity"] = housing["ocean_proximity"].astype("category").cat.codes
train, test = train_test_split(housing, test_size=0.2, random_state=0)
scaler, target_scaler = MinMaxScaler(), MinMaxScaler()
train_x = scaler.fit_transform(train.drop(columns=TARGET)).astype("float32")
test_x = scaler.transform(test.drop(columns=TARGET)).astype("float32")
train_y = target_scaler.fit_transform(train[[TARGET]]).astype("float32")
truth = test[TARGET].to_numpy()

# train
model = keras.Sequential(
    [
        keras.Input((train_x.shape[1],)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss="mse", metrics=["mae"])
history = model.fit(train_x, train_y, epochs=10, batch_size=32, validation_split=0.2, verbose=0).history
pd.DataFrame({"training": history["loss"], "validation": history["val_loss"]}).plot(xlabel="epoch", ylabel="loss")
show("losses")


# evaluate
def answer(x: np.ndarray) -> np.ndarray:
    return target_scaler.inverse_transform(model.predict(x, verbose=0, batch_size=1024))[:, 0]


predicted = answer(test_x)
results = {"network": scores(truth, predicted)}
plt.scatter(truth, predicted, s=3, alpha=0.4)
plt.axline((truth.mean(), truth.mean()), slope=1, color="black")
plt.xlabel("true")
plt.ylabel("predicted")
show("predicted over true")
plt.hist(predicted - truth, bins=60)
show("errors")

# compare, and ask which columns matter
if not is_bare:
    baselines = {
        "mean": DummyRegressor(),
        "linear": LinearRegression(),
        "random forest": RandomForestRegressor(n_jobs=-1, random_state=0),
        "gradient boosting": HistGradientBoostingRegressor(random_state=0),
    }
    for name, baseline in baselines.items():
        results[name] = scores(truth, baseline.fit(train_x, train[TARGET]).predict(test_x))
    generator = np.random.default_rng(0)
    some = generator.permutation(len(test_x))[:1000]
    before = results["network"]["rmse"]
    added = {}
    for column, name in enumerate(train.columns.drop(TARGET)):
        worse = []
        for _ in range(3):
            shuffled = test_x[some].copy()
            shuffled[:, column] = generator.permutation(shuffled[:, column])
            worse.append(scores(truth[some], answer(shuffled))["rmse"] - before)
        added[name] = np.mean(worse)
    pd.Series(added).sort_values().plot.barh()
    show("importance")

page.append(pd.DataFrame(results).T.to_html())
(folder / "report.html").write_text("\n".join(page), encoding="utf-8")
print(results["network"])
