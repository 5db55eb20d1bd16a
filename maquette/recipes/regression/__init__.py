"""A number predicted from the columns of a table, with an interval that holds what it promises."""
