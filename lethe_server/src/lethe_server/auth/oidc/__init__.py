"""Bearer tokens of an OpenID Connect provider. lethe only checks them; it never starts a flow."""
