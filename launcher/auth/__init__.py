"""Authentication: credentials to identities, with limits on failed attempts.

The user is the owner of the credential at the hub, with the hub's spelling of the name.
"""

from launcher.auth.addresses import TrustedProxies
from launcher.auth.authenticator import Authenticator, AuthPolicy
from launcher.auth.throttle import LoginLimits

__all__ = ["AuthPolicy", "Authenticator", "LoginLimits", "TrustedProxies"]
