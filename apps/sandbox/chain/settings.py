"""What the platform must be told to use the test chain. Light: nothing of the chain itself is imported."""

# Account m/44'/60'/0' of the published test phrase "test test test test test test test test test test test junk".
XPUB = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
CHAIN_ID = 131277322940537
# The wallet deploys them first, and an address of a contract follows from who made it and when.
USDC = "0xF2E246BB76DF876Cef8b38ae84130F4F55De395b"
USDT = "0x2946259E0334f33A064106302415aD3391BeD384"
WRONG = "0xDe09E74d4888Bc4e65F589e8c13Bce9F71DdF4c7"
# Six decimals like on most chains, and eighteen like on BNB Smart Chain.
TOKENS = {"USDC": (USDC, 6), "USDT": (USDT, 18), "WRONG": (WRONG, 18)}


def environment(url: str) -> dict[str, str]:
    """For the platform; `url` is where `server.create_app` is mounted."""
    tokens = ",".join(
        f"{symbol}={address}:{decimals}"
        for symbol, (address, decimals) in TOKENS.items()
        if symbol != "WRONG"
    )
    return {
        "CRYPTO_XPUB": XPUB,
        "CRYPTO_CHAINS": "local",
        "CRYPTO_LOCAL_RPC": f"{url}/rpc",
        "CRYPTO_LOCAL_TOKENS": tokens,
        "CRYPTO_POLL_SECONDS": "2",
    }
