"""Pictures from noise, step by step: new ones like your own, variations, holes filled in, ways from one to another."""
