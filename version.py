"""The version of albert_zh, in one place: the doctor and each run's record name it."""

VERSION = "1.0.0"
