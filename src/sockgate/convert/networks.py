"""Networks as the old programs read them."""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(text: str, *, by_mask: bool = False) -> Network:
    """ADDRESS, ADDRESS/BITS or, `by_mask`, ADDRESS/MASK. Raises ValueError.

    Python takes 10.0.0.0/0.255.255.255 for a network of 8 bits. No old program does.
    """
    network = ipaddress.ip_network(text, strict=False)
    _, slash, written = text.partition("/")
    if slash and written != str(network.netmask if by_mask else network.prefixlen):
        raise ValueError(f"{text!r} has no valid {'mask' if by_mask else 'prefix length'}")
    return network
