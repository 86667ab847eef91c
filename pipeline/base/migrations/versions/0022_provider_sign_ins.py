"""Sign-ins at the OpenID provider, which is asked again whether they still count.

Revision 0022, after 0021. Whoever signed in there before it has to sign in again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_sign_ins",
        sa.Column(
            "token_digest",
            sa.LargeBinary(),
            sa.ForeignKey("sign_ins.token_digest", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("sid", sa.Text()),
        sa.Column("can_refresh", sa.Boolean(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("provider_sign_ins_of_session", "provider_sign_ins", ["sid"])
    for column in ("key", "sealed"):
        op.execute(f"ALTER TABLE provider_sign_ins ALTER {column} SET STATISTICS 0")
    op.create_table(
        "logout_tokens",
        sa.Column("jti", sa.Text(), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("logout_tokens")
    op.drop_table("provider_sign_ins")
