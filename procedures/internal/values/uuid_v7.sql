-- A uuid v7 (RFC 9562) of a given time, so that ids sort as times do.
--
-- 48 bits of milliseconds, then the microseconds as a 12-bit fraction of one (the RFC's method 3,
-- as PostgreSQL 18's own uuidv7() does it), then the random half of a version 4 uuid.

create or replace function credits_internal.uuid_v7(
    p_at timestamptz
)
returns uuid
language sql
volatile
parallel safe
security invoker
as $uuid_v7$
    select (
        credits_internal.uuid_v7_prefix(credits_internal.epoch_us(p_at))
        || pg_catalog.substr(pg_catalog.gen_random_uuid()::text, 20)
    )::uuid
$uuid_v7$;

comment on function credits_internal.uuid_v7 is
'A new uuid v7 that carries the given time to the microsecond.';

revoke all on function credits_internal.uuid_v7 from public;
