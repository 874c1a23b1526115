-- The first half of a uuid v7: its time.

create or replace function credits_internal.uuid_v7_prefix(
    p_epoch_us bigint
)
returns text
language sql
immutable
parallel safe
security invoker
as $uuid_v7_prefix$
    select pg_catalog.encode(
        pg_catalog.int8send(
            ((p_epoch_us / 1000) << 16) | 28672 | ((p_epoch_us % 1000) * 4096 / 1000)
        ),
        'hex'
    )
$uuid_v7_prefix$;

comment on function credits_internal.uuid_v7_prefix is
'The 16 hexadecimal digits with which every uuid v7 of this microsecond (since 1970) begins.';

revoke all on function credits_internal.uuid_v7_prefix from public;
