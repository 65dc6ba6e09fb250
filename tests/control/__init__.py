"""Tests of the room where commands are judged and proven."""
