"""The table of recipes, by the hours of the course: where each lives, its media, uses, needs and costs. Light."""

from maquette.course import hour_four, hour_one, hour_three, hour_two

CHAPTERS = {
    "tables": "Hour one: lines, numbers and classes from tables",
    "pictures": "Hour two: pictures restored, compressed, recognised",
    "language": "Hour three: tokens, attention, language models",
    "scenes": "Hour four: scenes from photographs",
    "generation": "Hour four: pictures from nothing",
    "captions": "Hour four: pictures and words",
}

RECIPES = {**hour_one.RECIPES, **hour_two.RECIPES, **hour_three.RECIPES, **hour_four.RECIPES}
