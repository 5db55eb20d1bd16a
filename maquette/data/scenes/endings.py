"""Names of files that hold scenes of Gaussians, or what is taken for one; light, for the command line."""

from pathlib import Path

ENDINGS = (".ply", ".splat", ".spz", ".ksplat", ".sog", ".glb", ".gltf")
FOREIGN = {
    ".obj": "a mesh", ".stl": "a mesh", ".fbx": "a mesh", ".dae": "a mesh", ".off": "a mesh", ".3ds": "a mesh",
    ".blend": "a Blender file", ".usd": "a USD scene", ".usda": "a USD scene", ".usdc": "a USD scene",
    ".usdz": "a USD scene", ".las": "a LAS point cloud", ".laz": "a LAS point cloud", ".e57": "an E57 point cloud",
    ".pcd": "a PCD point cloud", ".xyz": "a list of points", ".pts": "a list of points", ".rad": "a RAD scene",
    ".lcc": "an LCC scene", ".splatv": "a scene that moves",
}  # fmt: skip
SOG_TABLE = "meta.json"  # in a folder, beside the pictures that hold the numbers


def is_scene_file(path: Path) -> bool:
    """Whether the name is that of a scene, or of a thing that is taken for one, not of a run folder."""
    ending = path.suffix.lower()
    return (ending in ENDINGS or ending in FOREIGN or path.name == SOG_TABLE) and not path.is_dir()
