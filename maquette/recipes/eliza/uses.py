"""What one does with ELIZA: talk to it, and have a reply explained."""

from collections.abc import Iterable, Iterator

from maquette.families.blocks import Block, heading
from maquette.media.text import Remark, Typed
from maquette.methods.eliza import Eliza, Reply
from maquette.methods.eliza_reading import read_script
from maquette.recipes.eliza.report import explained
from maquette.recipes.eliza.settings import TalkOptions
from maquette.settings import Options
from maquette.trained import Trained


def talk(trained: Trained, inputs: Iterable[str], options: TalkOptions) -> Iterator[Remark]:
    """A reply to each input, and to each line of one that has several, all in one conversation from its start."""
    eliza = begun(trained)
    if isinstance(inputs, Typed) and inputs.is_terminal:
        yield Remark(eliza.script.greeting)
    for text in inputs:
        replies = [eliza.reply(line) for line in lines_of(text)]
        said = "\n".join(reply.text + (f"\n    [{reply.why()}]" if options.why else "") for reply in replies)
        yield Remark(said, [note for reply in replies for note in notes_of(reply)])


def explain(trained: Trained, inputs: Iterable[str], options: Options) -> Iterator[Block]:
    """How each line was answered: keywords stacked, the pattern that fitted, the parts put together."""
    eliza = begun(trained)
    lines = [line for text in inputs for line in lines_of(text)]
    for number, line in enumerate(lines, 1):
        if len(lines) > 1:
            yield heading(f"{number}. {line[:80]}")
        yield from explained(eliza.script, eliza.reply(line), f"walk_{number}")


def begun(trained: Trained) -> Eliza:
    """A conversation that has not begun yet."""
    return Eliza(read_script(trained.processing["script"], f"the script of {trained.folder}"))


def lines_of(text: str) -> list[str]:
    """The lines of a text that hold something; an empty text is one."""
    return [line.strip() for line in text.splitlines() if line.strip()] or [""]


def notes_of(reply: Reply) -> list[str]:
    """What the machine could not read of an input."""
    if not reply.lost:
        return []
    signs = ", ".join(map(repr, reply.lost[:8]))
    return [f"ELIZA's machine has the letters A to Z only: in {reply.said[:40]!r} a dash stands for {signs}."]
