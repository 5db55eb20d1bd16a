"""What a trained translator is used for: lines in, lines out, and a page on which word came from which."""

from collections.abc import Iterable, Iterator

from maquette.data.text.languages import reads_like_the_other
from maquette.data.text.tokenizers import Streamed, load_tokenizer
from maquette.families.blocks import Block, on_each
from maquette.families.pairs import LEAST, Ends, decoded, encoded, most_for, sources_of, written
from maquette.media import in_batches
from maquette.media.text import Continuation, Typed
from maquette.methods.beam import Search, Steered, searching
from maquette.models.encoder_decoder import EncoderDecoder
from maquette.recipes.translate.report import explained
from maquette.recipes.translate.settings import TranslateOptions
from maquette.trained import Trained
from maquette.training import set_threads

TOGETHER = 64  # lines that are translated at once


class Translator:
    """A trained network with its tokenizer."""

    def __init__(self, trained: Trained, options: TranslateOptions):
        self.model: EncoderDecoder = trained.model
        self.tokenizer = load_tokenizer(trained.processing["tokenizer"])
        self.names, self.common = trained.processing["names"], trained.processing["common"]
        self.ends, self.options = Ends(self.model.start, self.model.end, self.model.end), options
        set_threads(options.beams * sum(weight.numel() for weight in self.model.parameters()))

    def notes_on(self, lines: list[str]) -> list[str]:
        """What is odd about lines to translate."""
        said = []
        if reads_like_the_other(lines, *self.common):
            source, target = self.names
            said.append(
                f"What is given reads like {target}, the side that this run writes; it reads {source}. "
                "Is it the wrong way round?"
            )
        return said

    def many(self, lines: list[str], notes: list[str]) -> list[str]:
        """Each line's translation; an empty line stays one."""
        filled = [place for place, line in enumerate(lines) if line.strip()]
        read = self.read([lines[place].strip() for place in filled], notes)
        found = written(
            self.model, read, self.ends, beams=self.options.beams, length_penalty=self.options.length_penalty
        )
        said = [""] * len(lines)
        for place, outputs in zip(filled, found, strict=True):
            said[place] = decoded(self.tokenizer, outputs[0].tokens) if outputs else ""
        return said

    def read(self, lines: list[str], notes: list[str]) -> list:
        """Tokens of lines, cut to what the network can read."""
        most = self.model.context - 1
        tokens = encoded(self.tokenizer, lines, most + 1)
        for line, each in zip(lines, tokens, strict=True):
            if len(each) > most:
                notes.append(
                    f"{line[:30]!r} ... is longer than the {most} tokens that this network reads; the rest is left out."
                )
        return [each[:most] for each in tokens]

    def as_it_comes(self, line: str, notes: list[str]) -> Iterator[list[str]]:
        """The translation of one line: what all beams agree on so far, and in the end the rest of the best."""
        read = self.read([line.strip()], notes)
        source, mask = sources_of(read, self.ends.pad)
        most = most_for(len(read[0]), self.model.context)
        cache = self.model.new_cache(self.model.encode(source, mask), mask, self.options.beams, most)
        stream, said, count = Streamed(self.tokenizer), "", 0
        search = Search(most)

        def told(tokens: list[int]) -> str:
            nonlocal said, count
            new = "".join(stream.add(token) for token in tokens[count:])
            count = max(count, len(tokens))
            new = new if said else new.lstrip()
            said += new
            return new

        for (search,) in searching(
            Steered(self.model, cache),
            batch=1,
            beams=self.options.beams,
            start=self.ends.start,
            end=self.ends.end,
            least=LEAST,
            most=[most],
            length_penalty=self.options.length_penalty,
        ):
            yield [told(search.settled)]
        last = told(search.finished[0].tokens) + stream.rest()
        yield [last if said else last.lstrip()]


def translate(trained: Trained, inputs: Iterable[str], options: TranslateOptions) -> Iterator[Continuation]:
    """Each input in the other language, line by line, as it comes."""
    translator = Translator(trained, options)
    is_typed = isinstance(inputs, Typed)
    for texts in in_batches(inputs, 1 if is_typed else TOGETHER):
        lines = [text.split("\n") for text in texts]
        notes = translator.notes_on([line for each in lines for line in each])
        if len(texts) == 1:
            pieces = of_one(translator, lines[0], notes)
            yield Continuation("", pieces, notes, between="\n")
            continue
        said = iter(translator.many([line for each in lines for line in each], notes))
        for each in lines:
            text = "\n".join(next(said) for _ in each).rstrip("\n")
            yield Continuation("", iter([[text]]), notes, between="\n")


def of_one(translator: Translator, lines: list[str], notes: list[str]) -> Iterator[list[str]]:
    """One text as it comes: a single line by its tokens, several by lines."""
    while len(lines) > 1 and not lines[-1].strip():
        lines = lines[:-1]
    if len(lines) == 1:
        if lines[0].strip():
            yield from translator.as_it_comes(lines[0], notes)
        else:
            yield [""]
        return
    is_first = True
    for some in in_batches(lines, TOGETHER):
        for said in translator.many(some, notes):
            yield [said if is_first else f"\n{said}"]
            is_first = False


def explain(trained: Trained, inputs: Iterable[str], options: TranslateOptions) -> Iterator[Block]:
    """Which word came from which, what else was found, and how sure each token was."""
    tokenizer = load_tokenizer(trained.processing["tokenizer"])
    model = trained.model
    lines = [line.strip() for text in inputs for line in text.splitlines() if line.strip()]
    return on_each(lines or [""], lambda line: explained(model, tokenizer, line, options.beams, options.length_penalty))
