"""Word2vec by gensim on a file of sentences, a line each: vectors as .vec, and the seconds of training as JSON."""

import json
import sys
import time


def main(sentences: str, out: str, workers: int, how: dict) -> None:
    from gensim.models import Word2Vec

    model = Word2Vec(sg=1, hs=0, min_count=5, seed=1, workers=workers, **how)
    model.build_vocab(corpus_file=sentences)
    began = time.perf_counter()
    model.train(
        corpus_file=sentences, total_words=model.corpus_total_words, total_examples=model.corpus_count,
        epochs=model.epochs,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    model.wv.save_word2vec_format(out)
    print(json.dumps({"seconds": seconds, "words": model.corpus_total_words * model.epochs}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
