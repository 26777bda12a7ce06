// Turns `key: value` lines in ISO-8859-1 into a JSON object.
async function object(r) {
    const reply = await r.subrequest('/legacy/kv');
    if (reply.status !== 200) {
        r.return(502);
        return;
    }

    const bytes = reply.responseBuffer;
    let text = '';
    for (let i = 0; i < bytes.length; i++) {
        text += String.fromCharCode(bytes[i]);
    }

    const values = {};
    text.split('\n').forEach((line) => {
        const at = line.indexOf(':');
        if (at > 0) {
            values[line.slice(0, at).trim()] = line.slice(at + 1).trim();
        }
    });
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify(values));
}

export default { object };
