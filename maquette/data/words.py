"""Numbers and names in sentences."""


def of_many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def listed(names: list[str], most: int = 12) -> str:
    """`a, b and c`, or the first few of many."""
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"
