"""The fourth hour: scenes from photographs, pictures from nothing and from words."""

from maquette.entries import Entry, Need, Use

RECIPES = {
    "splat": Entry(
        "maquette.recipes.splat",
        "scene",
        "photographs to a scene that one can fly through",
        180,
        "scenes",
        {
            "film": Use((), "film", "a film along a path", "--path orbit --out film.mp4"),
            "view": Use(("cameras",), "pictures", "what cameras see", "CAMERAS.json --out VIEWS"),
        },
        {"init": Need("splat", files=True, also=("nerf",))},
        fixed=32,
    ),
    "nerf": Entry(
        "maquette.recipes.nerf",
        "scene",
        "photographs to a radiance field, which new views are drawn from",
        180,
        "scenes",
        {
            "film": Use((), "film", "a film along a path", "--path orbit --out film.mp4"),
            "view": Use(("cameras",), "pictures", "what cameras see", "CAMERAS.json --out VIEWS"),
            "mesh": Use((), "mesh", "the surface, with colours", "--out surface.glb"),
            "points": Use((), "mesh", "points of the surface, with colours", "--out points.ply"),
            "splats": Use((), "scene", "Gaussians that a run of splat can start from", "--out scene.ply"),
        },
        fixed=31,
    ),
    "vae": Entry(
        "maquette.recipes.vae",
        "pictures",
        "a space of pictures to draw from, with a probability for each and ways between them",
        240,
        "generation",
        {
            "sample": Use((), "pictures", "new pictures", "--count 64 --seed 3 --out grid.png"),
            "encode": Use(("pictures",), "table", "the latents of each picture", "PICTURES --out LATENTS.csv"),
            "decode": Use(("table",), "pictures", "pictures from a table of latents", "LATENTS.csv --out FOLDER"),
            "probability": Use(("pictures",), "table", "how probable each picture is", "PICTURES --out ANSWERS.csv"),
            "interpolate": Use(("pictures",), "film", "the way from picture to picture", "A.png B.png --out way.webp"),
            "reconstruct": Use(("pictures",), "pictures", "each picture through its latents", "PICTURES --out FOLDER"),
        },
        fixed=18,
    ),
    "gan": Entry(
        "maquette.recipes.gan",
        "pictures",
        "pictures from random numbers, by a network that learns to fool another",
        240,
        "generation",
        {
            "sample": Use((), "pictures", "pictures of a seed", "--count 64 --seed 3 --out grid.png"),
            "interpolate": Use((), "film", "a film from picture to picture", "--seed 3 --out film.webp"),
            "find": Use(
                ("pictures",),
                "film",
                "the latents of given pictures, and the walk from them",
                "PICTURES --out FILM.webp",
            ),
        },
        fixed=25,
    ),
    "diffusion": Entry(
        "maquette.recipes.diffusion",
        "pictures",
        "new pictures like your own, made from noise step by step",
        300,
        "generation",
        {
            "sample": Use((), "pictures", "new pictures", "--count 64 --out grid.png"),
            "film": Use((), "film", "new pictures coming out of noise", "--film --out way.webp"),
            "vary": Use(("pictures",), "pictures", "each picture, made anew", "PICTURES --strength 0.5 --out VARIED"),
            "fill": Use(
                ("pictures",), "pictures", "each picture with a hole filled in", "PICTURE --mask MASK.png --out FILLED"
            ),
            "interpolate": Use(("pictures",), "film", "a way from one picture to the next", "PICTURES --out way.webp"),
        },
        fixed=39,
    ),
    "clip": Entry(
        "maquette.recipes.clip",
        "captions",
        "pictures and words in one space, found by each other",
        120,
        "captions",
        {
            "search": Use(
                ("pictures", "text"), "page", "the pictures that words mean", 'PICTURES "A RED CIRCLE" --out PAGE.html'
            ),
            "classify": Use(
                ("pictures", "text"), "table", "which words a picture shows", "PICTURE cat dog --out ANSWERS.csv"
            ),
            "similarity": Use(
                ("pictures", "text"), "table", "how near pictures and words are", "PICTURES cat dog --out ANSWERS.csv"
            ),
            "embed": Use(("captions",), "table", "the numbers of pictures or words", "PICTURES --out NUMBERS.csv"),
        },
        fixed=27,
    ),
    "text_to_image": Entry(
        "maquette.recipes.text_to_image",
        "captions",
        "pictures of what words say, learnt from captioned pictures",
        600,
        "captions",
        {
            "draw": Use(
                ("text",), "pictures", "a picture of what each prompt says", '"A RED CIRCLE JUMPING" --out PICTURE.png'
            ),
            "film": Use(
                ("text",), "film", "the same coming out of noise", '"A RED CIRCLE JUMPING" --film --out way.webp'
            ),
            "mix": Use((), "page", "subjects, actions and styles mixed in a grid", "--subjects A,B --out PAGE.html"),
            "vary": Use(("pictures",), "pictures", "each picture drawn anew", "PICTURES --seed 3 --out VARIED"),
            "interpolate": Use(
                ("captions",), "film", "the way between pictures or words", "A.png B.png --out way.webp"
            ),
            "edit": Use(
                ("pictures", "text"),
                "pictures",
                "a picture changed as words change",
                'PICTURE "a red circle" "a blue circle" --out CHANGED.png',
            ),
        },
        {"clip": Need("clip", "train", passes=("data", "seed", "device", "size", "caption", "most_pictures"))},
        fixed=49,
    ),
}
