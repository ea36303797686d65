"""The source of randomness, where pyotp has it."""

from secrets import SystemRandom

random = SystemRandom()
