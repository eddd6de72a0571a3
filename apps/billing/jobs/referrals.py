"""Rewards for referrals."""

from celery import shared_task

from apps.billing.services.referrals import rewards


@shared_task(name="billing.rewards", ignore_result=True)
def grant_rewards() -> None:
    rewards.grant_due()
