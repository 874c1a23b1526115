-- A point in time as whole microseconds since 1970, exact for every timestamp that we write.
--
-- Declared stable, as date_part is: were it immutable, the planner would not inline it.

create or replace function credits_internal.epoch_us(
    p_at timestamptz
)
returns bigint
language sql
stable
parallel safe
security invoker
as $epoch_us$
    select (pg_catalog.date_part('epoch', p_at) * 1000000)::bigint
$epoch_us$;

comment on function credits_internal.epoch_us is
'Microseconds since 1970-01-01 00:00 UTC; exact until the year 2106.';

revoke all on function credits_internal.epoch_us from public;
