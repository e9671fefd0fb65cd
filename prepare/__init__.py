"""A writer's material in; clean, token-bounded, split training rows out.

The way of a recipe through it: sources (files found) -> kinds, readers/, books (one cleaned document a file) -> a
maker for each shape (manuscript, continuation, chats, preferences, questions, memories), which cuts by chunks and
counts by tokens and templates -> split and mixing -> stats and checks/ -> build, which writes. making joins them.
"""
