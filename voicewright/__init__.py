"""The library behind Voicewright's scripts: recipes, data, training, serving, measures, decisions."""
