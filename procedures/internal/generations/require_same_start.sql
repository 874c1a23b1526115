-- Refuse another generation under an id that is in use.
--
-- Errors: PT409 idempotency_conflict.

create or replace function credits_internal.require_same_start(
    p_user_id uuid,
    p_generation_id uuid,
    p_provider text,
    p_generation_type text,
    p_credits bigint
)
returns void
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_same_start$
declare
    v_field text;
begin
    select
        case
            when g.credits_charged <> p_credits then 'p_credits'
            when g.provider <> p_provider then 'p_provider'
            when g.generation_type <> p_generation_type then 'p_generation_type'
        end
    into strict v_field
    from credits.generations as g
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    if v_field is null then
        return;
    end if;

    perform credits_internal.refuse(
        p_sqlstate => 'PT409',
        p_code => 'idempotency_conflict',
        p_message => 'this generation id was used for another generation',
        p_hint => 'Repeat the first request unchanged, or pass a new id for a new generation.',
        p_figures => jsonb_build_object('key', p_generation_id, 'field', v_field)
    );
end
$require_same_start$;

comment on function credits_internal.require_same_start is
'Refuse with PT409 a start_generation whose credits, provider or type differ from the first '
'one''s.';

revoke all on function credits_internal.require_same_start from public;
