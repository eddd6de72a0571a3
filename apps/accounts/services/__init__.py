"""Changing accounts: workspaces, members, invitations, keys, people. Each module says what it changes."""

from apps.accounts.services.api_keys import (
    MAX_KEYS_PER_WORKSPACE,
    KeyTerms,
    change_key,
    create_key,
    end_old_secret,
    note_key_use,
    revoke_key,
    rotate_key,
)
from apps.accounts.services.auditing import audit
from apps.accounts.services.workspaces import (
    MOST_CONTENT_DAYS,
    create_workspace,
    rename,
    set_llm_content,
)

__all__ = [
    "MAX_KEYS_PER_WORKSPACE",
    "MOST_CONTENT_DAYS",
    "KeyTerms",
    "audit",
    "change_key",
    "create_key",
    "create_workspace",
    "end_old_secret",
    "note_key_use",
    "rename",
    "revoke_key",
    "rotate_key",
    "set_llm_content",
]
