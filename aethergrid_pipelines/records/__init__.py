"""The vocabulary of the project: conversations, messages, chunks, fragments and their tables. No I/O."""
