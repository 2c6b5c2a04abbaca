"""Messages to the outside: e-mail and webhooks, each recorded in an outbox before it leaves."""
