"""pyotp's exceptions."""


class PyOTPError(Exception):
    """What pyotp itself reports."""


class OTPVerificationError(PyOTPError):
    """A code matched no step of the window."""
