"""The data sets that `--data` knows by name, and where each is from.

Nothing heavy is imported: `maquette data list` and `--help` read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A data set. `files`: name -> (address, sha256); no address means that the file is never downloaded.

    `medium` is what it holds: table, pictures, captions, text, pairs or scene. The sha256 of a .gz file is that of its
    content: who packs it again changes the file, not the data. A set of several files, or of folders (`is_folder`), is
    opened as a folder. `make` is the function in standins.py that writes the stand-in (or, where `standin` is empty,
    the set itself); `standin` says what it is.
    """

    name: str
    medium: str
    files: Mapping[str, tuple[str, str]]
    licence: str
    description: str
    example: str
    standin: str
    make: str
    is_folder: bool = False

    @property
    def file(self) -> str:
        """The file that recipes open, "" where it is the folder."""
        return "" if self.is_folder else next(iter(self.files))

    @property
    def is_embedded(self) -> bool:
        return not self.standin


def _idx_files(folder: str, *sums: str) -> dict[str, tuple[str, str]]:
    """The four files of MNIST and of sets like it below an address, with their checksums in this order."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{name}-ubyte.gz": (f"{folder}{name}-ubyte.gz", each) for name, each in zip(names, sums, strict=True)}


MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
SHAPES = "10,080 captioned pictures of shapes that Maquette draws itself"

_SETS = (
    Source(
        name="california_housing",
        medium="table",
        files={
            "housing.csv": (
                "https://raw.githubusercontent.com/ageron/handson-ml2/master/datasets/housing/housing.csv",
                "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
            )
        },
        licence="Apache-2.0",
        description="20,640 blocks of the Californian census of 1990, 10 columns, 1.4 MB; predict median_house_value",
        example="-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252, 452600, NEAR BAY",
        standin="a simulated census of 20,640 blocks from Maquette's own generator, not the real California",
        make="simulated_census",
    ),
    Source(
        name="iris",
        medium="table",
        files={"iris.csv": ("", "9cc1c345c71bcc9b486b74cbf6063fa66f4bb5e0f603a4b3c3471ec2e5e8e355")},
        licence="CC BY 4.0",
        description="150 irises, 4 lengths in cm and the species, as scikit-learn ships them; predict species",
        example="5.1, 3.5, 1.4, 0.2, setosa",
        standin="",
        make="iris_of_scikit_learn",
    ),
    Source(
        name="gravity",
        medium="table",
        files={"gravity.csv": ("", "")},
        licence="Apache-2.0",
        description="9 measured points of a falling ball, distance in metres and time in seconds; predict distance_m",
        example="45, 3",
        standin="",
        make="nine_measured_points",
    ),
    Source(
        name="mnist",
        medium="pictures",
        files=_idx_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        licence="none stated; LeCun, Cortes and Burges 1998",
        description="60,000 + 10,000 handwritten digits, grey, 28 x 28, 11 MB; predict the digit",
        example="a 7, white on black",
        standin="12,000 letters A to J drawn from matplotlib's fonts",
        make="letters_as_idx",
        is_folder=True,
    ),
    Source(
        name="fashion_mnist",
        medium="pictures",
        files=_idx_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        licence="MIT",
        description="60,000 + 10,000 clothes in 10 classes, grey, 28 x 28, 31 MB; predict the class",
        example="an ankle boot, white on black",
        standin="12,000 letters A to J drawn from matplotlib's fonts",
        make="letters_as_idx",
        is_folder=True,
    ),
    Source(
        name="photographs",
        medium="pictures",
        files={"photographs": ("", "")},
        licence="CC0 or public domain; china and flower CC BY 2.0",
        description="photographs that scikit-image and scikit-learn ship, grey and colour, 300 to 1000 pixels wide",
        example="astronaut.png, 512 x 512, colour",
        standin="",
        make="photographs",
        is_folder=True,
    ),
    Source(
        name="denoise",
        medium="pictures",
        files={"Train400": ("", ""), "BSD68": ("", ""), "Set12": ("", ""), "Set5": ("", "")},
        licence="none stated; the Berkeley photographs in it for non-commercial research",
        description="the usual photographs to train and test denoisers on: Train400, BSD68, Set12, Set5; 17 MB",
        example="Train400/test_001.png, 180 x 180, grey",
        standin="the photographs that scikit-image and scikit-learn ship",
        make="photographs",
        is_folder=True,
    ),
    Source(
        name="captioned_shapes",
        medium="captions",
        files={"captioned_shapes": ("", "")},
        licence="Apache-2.0",
        description="10,080 pictures of shapes, 32 x 32, each said in words, that Maquette draws itself",
        example="a striped red circle jumping over a line",
        standin="",
        make="shapes_with_captions",
        is_folder=True,
    ),
    Source(
        name="noto_emoji",
        medium="captions",
        files={
            "noto_emoji_72.zip": ("", "8a015e356b2c448d1afad8531ecd620d1fab2b4b12af792520f39d35313fa141"),
        },
        licence="Apache-2.0 (pictures), Unicode licence (names)",
        description="1,618 emoji of Noto, 72 x 72, with their names; 5 MB",
        example="red heart",
        standin=SHAPES,
        make="shapes_with_captions",
        is_folder=True,
    ),
    Source(
        name="flickr8k_small",
        medium="captions",
        files={
            "flickr8k_800.zip": ("", "d5c667bcec2d0e9e8cd7020058860f3980dd45ac7c5a2c1d3be4ceec28ad7955"),
        },
        licence="none stated; Flickr8k is for non-commercial research",
        description="800 photographs of Flickr8k, about 200 pixels wide, with five captions each; 10 MB",
        example="A child in a pink dress is climbing up a set of stairs in an entry way .",
        standin=SHAPES,
        make="shapes_with_captions",
        is_folder=True,
    ),
    Source(
        name="flowers64",
        medium="captions",
        files={
            "flowers64.zip": ("", "6e98c2ada5ae713e4cf681e1f92929fbfad9ed62f8ae4337179d8df9384629e9"),
        },
        licence="none stated; the photographs CC BY 2.0",
        description="3,670 photographs of five kinds of flowers, 64 x 64, with the kind as caption; 11 MB",
        example="sunflowers",
        standin=SHAPES,
        make="shapes_with_captions",
        is_folder=True,
    ),
    Source(
        name="tinyshakespeare",
        medium="text",
        files={
            "input.txt": (
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            )
        },
        licence="public domain",
        description="40,000 lines of Shakespeare's plays in one file, 1.1 MB of plain letters; predict the next token",
        example="First Citizen: Before we proceed any further, hear me speak.",
        standin="the language reference that ships inside Python",
        make="python_reference",
    ),
    Source(
        name="classic_books",
        medium="text",
        files={"books.tar.xz": ("", "c0028618dfc3cee7f724bde3221a7fc723be563a31af0543f877e10530efe96e")},
        licence="public domain",
        description="12 books of English prose, War and Peace among them, 27 MB unpacked; predict the next token",
        example="Well, Prince, so Genoa and Lucca are now just family estates of the Buonapartes.",
        standin="the language reference that ships inside Python",
        make="python_reference",
    ),
    Source(
        name="word_vectors",
        medium="table",
        files={
            "questions-words.txt": (
                "https://raw.githubusercontent.com/piskvorky/gensim/develop/gensim/test/test_data/questions-words.txt",
                "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
            ),
            "wordsim353.tsv": (
                "https://raw.githubusercontent.com/piskvorky/gensim/develop/gensim/test/test_data/wordsim353.tsv",
                "f92a022fc2537793a15bc3a8c162ebcd74990e033a228bb6388cb71e4c0b1e1d",
            ),
            "simlex999.txt": (
                "https://raw.githubusercontent.com/piskvorky/gensim/develop/gensim/test/test_data/simlex999.txt",
                "d5e0501971478a511430ee880bd0121e94ac701ba86d90544d83e6d2ba3db05d",
            ),
            "EN-MEN-TR-3k.txt": (
                "https://raw.githubusercontent.com/mfaruqui/eval-word-vectors/master/data/word-sim/EN-MEN-TR-3k.txt",
                "888b13580faa362c7b11da0a670258cf1b1eb4bf0ecbcd418918729a3bd3f43a",
            ),
        },
        licence="LGPL-2.1 and MIT, as its publishers state; MEN CC BY 2.0",
        description="tests of word vectors: WordSim-353, SimLex-999, MEN and 19,544 analogies; 0.7 MB",
        example="river, water, 49.0",
        standin="nothing: word2vec then leaves these scores out",
        make="no_word_tests",
        is_folder=True,
    ),
    Source(
        name="eliza",
        medium="text",
        files={
            "DOCTOR-1966-CACM.script.txt": (
                "https://raw.githubusercontent.com/anthay/ELIZA/da650c03843d67e1266c256db28186c7e9d4d699/scripts/"
                "ELIZA-script-DOCTOR-original-1966-CACM-appendix.txt",
                "fe6750220c04ef7f0e48a7a85277cce5cfc219afda798e6bda5fb22f3d1cbdab",
            )
        },
        licence="CC0 1.0",
        description="Weizenbaum's script of the DOCTOR as printed in 1966, for ELIZA; 12 kB",
        example="(NO ((0) (WHY NOT) (WHY 'NO')))",
        standin="a listener's script of Maquette's own",
        make="listener_script",
    ),
    Source(
        name="eliza_course",
        medium="text",
        files={"course.script.txt": ("", "")},
        licence="Apache-2.0",
        description="a script for ELIZA that gives the conversation of the course, with its mistake; 1 kB",
        example="(NO ((0) (Why 'no' ?)))",
        standin="",
        make="course_script",
    ),
    Source(
        name="multi30k",
        medium="pairs",
        files={
            "train.en.gz": (
                MULTI30K + "train.en.gz",
                "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
            ),
            "train.de.gz": (
                MULTI30K + "train.de.gz",
                "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
            ),
            "val.en.gz": (
                MULTI30K + "val.en.gz",
                "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
            ),
            "val.de.gz": (
                MULTI30K + "val.de.gz",
                "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
            ),
            "test_2016_flickr.en.gz": (
                MULTI30K + "test_2016_flickr.en.gz",
                "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
            ),
            "test_2016_flickr.de.gz": (
                MULTI30K + "test_2016_flickr.de.gz",
                "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
            ),
        },
        licence="none stated; captions of Flickr30k, for research",
        description="29,000 captions of photographs in English and German, line by line, and 1,000 to test; 1.3 MB",
        example="Several men in hard hats ... / Mehrere Männer mit Schutzhelmen ...",
        standin="6,000 sentences in English and an invented language, by a grammar of Maquette's own",
        make="invented_sentences",
        is_folder=True,
    ),
    Source(
        name="invented_language",
        medium="pairs",
        files={"invented_language": ("", "")},
        licence="Apache-2.0",
        description="6,000 sentences in English and in a language that Maquette's grammar makes up, and 300 to test",
        example="The small dog sees two birds. / Rovu nite telokin dua vida.",
        standin="",
        make="invented_sentences",
        is_folder=True,
    ),
    Source(
        name="dialogsum",
        medium="pairs",
        files={
            "dialogsum.train.jsonl.gz": ("", "707fd80d55fddf07343bd2ba5d43a2627bfad7d4e194a90815688d750d12970b"),
            "dialogsum.dev.jsonl.gz": ("", "436721e0a3571eef7072964f80e042fb151d8c6178db1a688ce8f803bbf0a13f"),
        },
        licence="CC BY-NC-SA 4.0 (non-commercial)",
        description="12,460 dialogues with summaries and 500 to test, from DialogSum; 4 MB",
        example="#Person1#: Hey Jimmy. Let's go workout ... / #Person1# invites Jimmy to go workout ...",
        standin="3,300 dialogues with summaries, by a grammar of Maquette's own",
        make="made_dialogues",
        is_folder=True,
    ),
    Source(
        name="made_dialogues",
        medium="pairs",
        files={"made_dialogues": ("", "")},
        licence="Apache-2.0",
        description="3,000 dialogues with summaries that Maquette's grammar makes up, and 300 to test",
        example="Anna: Shall we play chess on Monday? ... / Anna asks Ben to play chess on Monday ...",
        standin="",
        make="made_dialogues",
        is_folder=True,
    ),
    Source(
        name="turntable",
        medium="scene",
        files={"turntable": ("", "")},
        licence="Apache-2.0",
        description="a clay hare on a turntable, 40 views of 160 x 160 that Maquette renders itself, with points",
        example="000.png, seen from the front, and where its camera stands",
        standin="",
        make="clay_turntable",
        is_folder=True,
    ),
    Source(
        name="nerf_fox",
        medium="scene",
        files={
            "transforms.json": ("", "6e39ab762afa7a4ec3febae8048f7e3fbfab62aeb50e58a66645956d8679192c"),
            "images": ("", ""),
        },
        licence="NVIDIA Source Code License-NC (non-commercial)",
        description="50 hand-held photographs of a stuffed fox, 1080 x 1920, with cameras, from instant-ngp; 18 MB",
        example="images/0001.jpg and where its camera stands",
        standin="40 views of a clay hare on a turntable, rendered by Maquette",
        make="clay_turntable",
        is_folder=True,
    ),
    Source(
        name="nerf_lego_400",
        medium="scene",
        files={
            "transforms_train.json": ("", "82d46cfbd405d7da8562b6fa75b6fb0631a3f941adf66f0c023acb8bf9ea273a"),
            "transforms_test.json": ("", "7f89267e34a8e2115508856e9cd8510de8d66546d6bff2667ae5235fa8717b92"),
            "train": ("", ""),
            "test": ("", ""),
        },
        licence="none stated for the pictures; the model by Heinzelnisse, CC BY-NC",
        description="the Lego digger of NeRF at half its size, 100 + 25 transparent views of 400 x 400; 18 MB",
        example="train/r_0.png and where its camera stands",
        standin="40 views of a clay hare on a turntable, rendered by Maquette",
        make="clay_turntable",
        is_folder=True,
    ),
    Source(
        name="colmap_can",
        medium="scene",
        files={"images": ("", ""), "sparse": ("", "")},
        licence="none stated",
        description="71 frames of a walk around a can, 720 x 1280, with the COLMAP model of them; 8 MB",
        example="images/0000.jpg and where its camera stands",
        standin="40 views of a clay hare on a turntable, rendered by Maquette",
        make="clay_turntable",
        is_folder=True,
    ),
)
SOURCES: dict[str, Source] = {source.name: source for source in _SETS}
