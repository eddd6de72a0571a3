"""Rules of money that need no database."""


def clawback(*, credit_points: int, paid_points: int, back_points: int) -> int:
    """How many of the credits a payment brought are to be taken back when `back_points` of `paid_points` went back.

    In proportion, rounded down, and all of them when all went back; more than all can never be taken.
    """
    if back_points >= paid_points:
        return credit_points if back_points else 0
    return credit_points * back_points // paid_points
