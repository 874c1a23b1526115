"""Write one view file: mk(folder, name, header, body, comment, columns)."""
from pathlib import Path
import textwrap
def q(s): return s.replace("'", "''")
def lit(s):
    # one or several string literals of at most ~97 columns
    lines=textwrap.wrap(s, 94, break_long_words=False)
    parts=[l+' ' for l in lines[:-1]]+[lines[-1]]
    return "\n".join(f"'{q(p)}'" for p in parts)
def mk(folder,name,header,body,comment,columns):
    v=f"credits_monitoring.{name}"
    head="\n".join("-- "+l for l in textwrap.wrap(header,97))
    out=f"{head}\n\ncreate or replace view {v} as\n{body.strip()};\n\ncomment on view {v} is\n{lit(comment)};\n"
    for c,t in columns.items():
        one=f"comment on column {v}.{c} is '{q(t)}';"
        out+= one+"\n" if len(one)<=100 else f"comment on column {v}.{c} is\n{lit(t)};\n"
    out+=f"\nrevoke all on {v} from public;\ngrant select on {v} to credits_analyst;\n"
    Path(folder).mkdir(exist_ok=True); Path(folder,name+'.sql').write_text(out)
