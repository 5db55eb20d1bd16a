"""What is made of a picture once, kept as long as there is room."""


class Kept:
    """What a function makes of arrays that stay as they are; at most `room` bytes of it are kept."""

    def __init__(self, room):
        self.room, self._found = room, {}

    def of(self, array, make):
        """make(array), which has `nbytes`, or what it was the last time."""
        if id(array) not in self._found:
            made = make(array)
            if made.nbytes > self.room:
                return made
            self.room -= made.nbytes
            self._found[id(array)] = array, made  # as long as it is held here, nothing else has its id
        return self._found[id(array)][1]
