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

// Turns the rows of an HTML table in ISO-8859-1 into objects, by regular expressions that fit this page.
async function table(r) {
    const reply = await r.subrequest('/legacy/html');
    if (reply.status !== 200) {
        r.return(502);
        return;
    }

    const bytes = new Uint8Array(reply.responseBuffer);
    let text = '';
    for (let i = 0; i < bytes.length; i += 512) { // apply takes not many more arguments
        text += String.fromCharCode.apply(null, bytes.subarray(i, i + 512));
    }
    const cell = /<t[dh][^>]*>(.*?)<\/t[dh]>/g;
    const entities = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' };
    let names = null;
    const rows = [];
    (text.match(/<tr[^>]*>[\s\S]*?<\/tr>/g) || []).forEach((row) => {
        const cells = (row.match(cell) || []).map((c) =>
            c.replace(/<[^>]*>/g, '').replace(/&(\w+);/g, (all, name) => entities[name] || all).trim());
        if (names === null) {
            names = cells;
            return;
        }
        const object = {};
        names.forEach((name, i) => {
            object[name] = cells[i];
        });
        rows.push(object);
    });
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify(rows));
}

export default { object, table };
