"""The blind comparison: pairs, judges and their qualification, readers, votes, the verdict."""
