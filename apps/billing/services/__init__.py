"""Every movement of points. Nothing else writes a wallet or its ledger."""
