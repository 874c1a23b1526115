-- Refuse another generation under an id that is in use.
--
-- Errors: PT409 idempotency_conflict.

create or replace function credits_internal.require_same_start(
    p_generation credits.generations,
    p_provider text,
    p_generation_type text,
    p_credits bigint
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_same_start$
declare
    v_field constant text := case
        when p_generation.credits_charged <> p_credits then 'p_credits'
        when p_generation.provider <> p_provider then 'p_provider'
        when p_generation.generation_type <> p_generation_type then 'p_generation_type'
    end;
begin
    if v_field is null then
        return;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT409',
        p_code => 'idempotency_conflict',
        p_message => 'this generation id was used for another generation',
        p_hint => 'Repeat the first request unchanged, or pass a new id for a new generation.',
        p_figures => jsonb_build_object('key', p_generation.generation_id, 'field', v_field)
    );
end
$require_same_start$;

comment on function credits_internal.require_same_start is
'Refuse with PT409 a start_generation whose credits, provider or type differ from the first '
'one''s.';

revoke all on function credits_internal.require_same_start from public;
