"""Pictures restored: a network learns the way back from spoiled pictures to clean ones."""
