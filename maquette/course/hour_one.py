"""The first hour: lines, numbers and classes from tables."""

from maquette.entries import Entry, Use


def _table_use(what: str) -> dict[str, Use]:
    return {"predict": Use(("table",), "table", f"{what} for each row of a table", "NEW.csv --out PREDICTED.csv")}


RECIPES = {
    "line": Entry(
        "maquette.recipes.line",
        "table",
        "a line, and polynomials, through measured points",
        5,
        "tables",
        _table_use("the value of the line"),
    ),
    "regression": Entry(
        "maquette.recipes.regression",
        "table",
        "a number predicted from the columns of a table",
        40,
        "tables",
        _table_use("a number and its range"),
        fixed=24,
    ),
    "classification": Entry(
        "maquette.recipes.classification",
        "table",
        "a class predicted from the columns of a table",
        10,
        "tables",
        _table_use("a class and the probability of each"),
        fixed=6,
    ),
}
