from tortoise import fields

from app.models.base import Entity


# A person. Emails are unique without regard to case (hand_written.py). Who has deleted their account stays as
# a tombstone, with `deleted_at` and nothing that tells who they were: what they wrote keeps its author.
class User(Entity):
    email = fields.CharField(max_length=254)
    name = fields.CharField(max_length=100)
    avatar_url = fields.TextField(null=True)
    timezone = fields.CharField(max_length=64, default="UTC", db_default="UTC")
    password_hash = fields.TextField()
    email_verified_at = fields.DatetimeField(null=True)
    disabled_at = fields.DatetimeField(null=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"
