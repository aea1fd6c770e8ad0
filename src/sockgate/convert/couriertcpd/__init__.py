"""Courier's imapd, pop3d and esmtpd settings, from which its start scripts build couriertcpd's command line."""

from .service import read

__all__ = ["read"]
