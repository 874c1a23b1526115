-- The least uuid there is, by its name: no user has it, and in alerts it stands for the platform.

create or replace function credits_internal.nil_uuid()
returns uuid
language sql
immutable
parallel safe
security invoker
as $nil_uuid$
    select '00000000-0000-0000-0000-000000000000'::uuid
$nil_uuid$;

comment on function credits_internal.nil_uuid is
'The nil uuid: the user_id of alerts about the platform, and never a user''s.';

revoke all on function credits_internal.nil_uuid from public;
