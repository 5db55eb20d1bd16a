"""What a trained summariser is used for: texts in, summaries out, as they come."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from maquette.data.text.tokenizers import Streamed
from maquette.families.pairs import sources_of
from maquette.media.text import Continuation
from maquette.methods.beam import Search, searching
from maquette.models.encoder_decoder import Seq2Seq
from maquette.recipes.summarise.data import Frame, frame_of
from maquette.recipes.summarise.settings import SummariseOptions
from maquette.trained import Trained
from maquette.training import set_threads


def summarise(trained: Trained, inputs: Iterable[str], options: SummariseOptions) -> Iterator[Continuation]:
    """A summary of each text, as it comes."""
    model: Seq2Seq = trained.model
    frame = frame_of(trained.processing)
    if options.tokens:
        frame = replace(frame, longest=min(options.tokens, model.context))
    set_threads(options.beams * sum(weight.numel() for weight in model.parameters()))
    for text in inputs:
        notes: list[str] = []
        yield Continuation("", as_it_comes(model, frame, text.strip(), options, notes), notes)


def as_it_comes(
    model: Seq2Seq, frame: Frame, text: str, options: SummariseOptions, notes: list[str]
) -> Iterator[list[str]]:
    """What all beams agree on so far, and in the end the rest of the best."""
    if not text:
        notes.append("There is nothing to summarise in an empty text.")
        yield [""]
        return
    read = frame.sources([text])
    length = len(frame.whole([text], frame.prefix)[0])
    if length > len(read[0]):
        notes.append(
            f"{text[:30]!r} ... has {length:,} tokens, of which the first {len(read[0]):,} are read; --context of the "
            "training says how many."
        )
    source, mask = sources_of(read, frame.ends.pad)
    cache = model.new_cache(model.encode(source, mask), mask, options.beams, frame.longest)
    stream, said, count = Streamed(frame.tokenizer), "", 0
    around = {*frame.before, *frame.after, frame.ends.pad}

    def told(tokens: list[int]) -> str:
        nonlocal said, count
        new = "".join(stream.add(token) for token in tokens[count:] if token not in around)
        count = max(count, len(tokens))
        new = new if said else new.lstrip()
        said += new
        return new

    search = Search(frame.longest)
    for (search,) in searching(
        frame.guided(model, options.no_repeat)(model, cache),
        batch=1,
        beams=options.beams,
        start=frame.ends.start,
        end=frame.ends.end,
        most=[frame.longest],
        length_penalty=options.length_penalty,
    ):
        yield [told(search.settled)]
    last = told(search.finished[0].tokens) + stream.rest()
    yield [last if said else last.lstrip()]
