"""The third hour: tokens, attention, language models."""

from maquette.entries import Entry, Need, Use

LEARNT = ("data", "field", "seed", "device")  # what language models take over from a run that needs them


def _writing() -> dict[str, Use]:
    prompt = '"Once upon a time"'
    return {
        "write": Use(("text",), "text", "what follows a beginning", prompt),
        "explain": Use(("text",), "page", "what each token was chosen from", f"{prompt} --explain --out PAGE.html"),
    }


RECIPES = {
    "tokenizer": Entry(
        "maquette.recipes.tokenizer",
        "text",
        "text cut into tokens in six ways, and what each costs",
        20,
        "language",
        {
            "encode": Use(("text",), "table", "the tokens of a text, one a row", '"TEXT"'),
            "explain": Use(("text",), "page", "how a text is cut, drawn", '"TEXT" --out PAGE.html'),
        },
        fixed=9,
    ),
    "gpt": Entry(
        "maquette.recipes.gpt",
        "text",
        "a GPT that goes on writing like your own text",
        180,
        "language",
        _writing(),
        {"init": Need("gpt", files=True)},
        fixed=12,
    ),
    "recurrent": Entry(
        "maquette.recipes.recurrent",
        "text",
        "a plain RNN, a GRU or an LSTM that goes on writing like your own text, and how far each remembers",
        200,
        "language",
        _writing(),
        fixed=43,
    ),
    "attention": Entry(
        "maquette.recipes.attention",
        "text",
        "one sentence on its way through a Transformer, with every number and formula",
        60,
        "language",
        {
            "trace": Use(("text",), "table", "what each token looks at, and what may follow it", '"SENTENCE"'),
            "explain": Use(("text",), "page", "the whole way of a sentence", '"SENTENCE" --out PAGE.html'),
        },
        {"run": Need("gpt")},
        fixed=9,
    ),
    "word2vec": Entry(
        "maquette.recipes.word2vec",
        "text",
        "words as vectors, learnt from your own text",
        60,
        "language",
        {
            "neighbours": Use(("text",), "table", "the words most like a word", '"king"'),
            "analogy": Use(
                ("text",), "table", "what is to the third as the second is to the first", '"man king woman"'
            ),
            "similarity": Use(("text",), "table", "how alike words are", '"king queen"'),
            "odd": Use(("text",), "table", "which word does not belong to the others", '"king queen bread prince"'),
            "vectors": Use(("text",), "table", "the numbers of words", '"king queen" --out VECTORS.csv'),
            "project": Use(("text",), "table", "words along axes between words", '"king queen" --axes man:woman'),
        },
        fixed=20,
    ),
    "eliza": Entry(
        "maquette.recipes.eliza",
        "text",
        "the ELIZA of 1966 with scripts of your own, and which rule gave each reply",
        5,
        "language",
        {
            "talk": Use(
                ("text",), "text", "a conversation, typed if no text or file of lines is given", '"I am sad."', True
            ),
            "explain": Use(("text",), "page", "how a reply came about", '"I am sad." --out PAGE.html'),
        },
    ),
    "chatbots": Entry(
        "maquette.recipes.chatbots",
        "text",
        "ELIZA, an RNN, an LSTM and a GPT asked the same, and what each remembers",
        270,
        "language",
        {
            "talk": Use(("text",), "text", "a conversation with each, typed if nothing is given", '"Hello!"', True),
            "ask": Use(("text",), "table", "the same as a table", "QUESTIONS.txt --out ANSWERS.csv"),
            "explain": Use(("text",), "page", "where words of answers are from", "QUESTIONS.txt --out PAGE.html"),
        },
        {
            "eliza": Need("eliza", "train", passes=("seed", "device")),
            "rnn": Need("recurrent", "train", passes=LEARNT, kind={"network": "rnn"}, sets={"probe": 0}, share=1 / 3),
            "lstm": Need("recurrent", "train", passes=LEARNT, kind={"network": "lstm"}, sets={"probe": 0}, share=1 / 3),
            "gpt": Need("gpt", "train", passes=LEARNT, share=1 / 3),
        },
        fixed=30,
    ),
    "translate": Entry(
        "maquette.recipes.translate",
        "pairs",
        "a Transformer that reads a sentence in one language and writes it in another",
        700,
        "language",
        {
            "translate": Use(
                ("text",), "text", "each line in the other language, typed if no text or file is given", '"TEXT"', True
            ),
            "explain": Use(("text",), "page", "which word came from which", '"TEXT" --out PAGE.html'),
        },
        fixed=15,
    ),
    "summarise": Entry(
        "maquette.recipes.summarise",
        "pairs",
        "a summary of a text, by a network pretrained elsewhere or here and then fine-tuned",
        400,
        "language",
        {"summarise": Use(("text",), "text", "a summary of each text or file", "TEXT.txt")},
        {"init": Need("summarise", files=True, also=("translate",))},
        fixed=12,
    ),
}
