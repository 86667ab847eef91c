"""When an order counts as delivered: how long personal data is kept counts from there.

Amazon seldom tells a delivery, and never one of its own warehouses. The latest promise stands in
for it, and where there is none, a parcel's shortest way, since data must not be kept too long. An
order that nobody ships counts from sixty days after its purchase, twice as long as Amazon waits for
a shipment. A cancelled order counts from then, and no promise counts beyond 400 days.
"""

from __future__ import annotations

# The database computes it, so that no writer of a row can forget it. The text is PostgreSQL's own
# form of the expression, as the migrations are compared by it.
DELIVERY_AT = """
LEAST(
CASE
    WHEN ((status = 'cancelled'::text) OR (remote_status = 'CANCELLED'::text))
        THEN remote_updated_at
    ELSE NULL::timestamp with time zone
END, COALESCE(delivered_at, deliver_by_at,
 (((shipped_at AT TIME ZONE 'UTC'::text) + '48:00:00'::interval) AT TIME ZONE 'UTC'::text),
 (((COALESCE(purchased_at, created_at) AT TIME ZONE 'UTC'::text) + '60 days'::interval)
 AT TIME ZONE 'UTC'::text)),
 (((created_at AT TIME ZONE 'UTC'::text) + '400 days'::interval) AT TIME ZONE 'UTC'::text))
"""
