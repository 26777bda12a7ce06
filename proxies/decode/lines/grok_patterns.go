package lines

// grokPatterns gives the patterns that are built in, under the names that Logstash has made usual. They are written without
// looking around, which RE2 has not, so that some take a little more than their models.
func grokPatterns() map[string]string {
	const (
		hex = `[0-9A-Fa-f]{1,4}`
		v4  = `(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	)
	return map[string]string{
		"INT": `[+-]?[0-9]+`, "BASE10NUM": `[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`, "NUMBER": `%{BASE10NUM}`,
		"BASE16NUM": `[+-]?(?:0[xX])?[0-9A-Fa-f]+`, "BASE16FLOAT": `[+-]?(?:0[xX])?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)`,
		"POSINT": `[1-9][0-9]*`, "NONNEGINT": `[0-9]+`, "BOOL": `(?i:true|false|yes|no)`,

		"WORD": `\b\w+\b`, "NOTSPACE": `\S+`, "SPACE": `\s*`, "DATA": `.*?`, "GREEDYDATA": `.*`, "GREEDYMULTILINE": `(?s:.*)`,
		"QUOTEDSTRING": `"(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*'|` + "`(?:\\\\.|[^\\\\`])*`", "QS": `%{QUOTEDSTRING}`,
		"UUID": `[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}`, "URN": `urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:\S+`,

		"USERNAME": `[a-zA-Z0-9._-]+`, "USER": `%{USERNAME}`, "EMAILLOCALPART": "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+", "EMAILADDRESS": `%{EMAILLOCALPART}@%{HOSTNAME}`,

		"CISCOMAC": `(?:[A-Fa-f0-9]{4}\.){2}[A-Fa-f0-9]{4}`, "WINDOWSMAC": `(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}`, "COMMONMAC": `(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2}`,
		"MAC":  `%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC}`,
		"IPV4": v4,
		"IPV6": `(?:(?:` + hex + `:){6}` + v4 + `|(?:` + hex + `:){7}` + hex + `|::(?:[Ff]{4}(?::0{1,4})?:)?` + v4 + `|(?:` + hex + `:){1,4}:` + v4 +
			`|` + hex + `:(?::` + hex + `){1,6}|(?:` + hex + `:){1,2}(?::` + hex + `){1,5}|(?:` + hex + `:){1,3}(?::` + hex + `){1,4}|(?:` + hex + `:){1,4}(?::` + hex + `){1,3}` +
			`|(?:` + hex + `:){1,5}(?::` + hex + `){1,2}|(?:` + hex + `:){1,6}:` + hex + `|:(?::` + hex + `){1,7}|(?:` + hex + `:){1,7}:|::)(?:%\w+)?`,
		"IP":       `%{IPV6}|%{IPV4}`,
		"HOSTNAME": `\b[0-9A-Za-z_][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z_][0-9A-Za-z_-]{0,62})*\.?`, "HOST": `%{HOSTNAME}`,
		"IPORHOST": `%{IP}|%{HOSTNAME}`, "HOSTPORT": `%{IPORHOST}:%{POSINT}`,

		"PATH": `%{UNIXPATH}|%{WINPATH}`, "UNIXPATH": `(?:/[^\s/]*)+`, "WINPATH": `(?:[A-Za-z]:|\\)(?:\\[^\\?*\s]*)+`, "TTY": `/dev/(?:pts|tty(?:[pq])?)(?:\w+)?/?(?:[0-9]+)`,
		"URIPROTO": `[A-Za-z](?:[A-Za-z0-9+.-]+)+`, "URIHOST": `(?:\[%{IPV6}\]|%{IPORHOST})(?::%{POSINT})?`, "URIPATH": `(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+`,
		"URIQUERY": `[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*`, "URIPARAM": `\?%{URIQUERY}`, "URIPATHPARAM": `%{URIPATH}(?:%{URIPARAM})?`,
		"URI": `%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?`,

		"MONTH":    `\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\b`,
		"MONTHNUM": `1[0-2]|0?[1-9]`, "MONTHNUM2": `0[1-9]|1[0-2]`, "MONTHDAY": `3[01]|[12][0-9]|0?[1-9]`,
		"DAY":  `(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)`,
		"YEAR": `[0-9]{4}|[0-9]{2}`, "HOUR": `2[0-3]|[01]?[0-9]`, "MINUTE": `[0-5][0-9]`, "SECOND": `(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?`, "TIME": `%{HOUR}:%{MINUTE}(?::%{SECOND})?`,
		"DATE_US": `%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}`, "DATE_EU": `%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}`, "DATE": `%{DATE_US}|%{DATE_EU}`, "DATESTAMP": `%{DATE}[- ]%{TIME}`,
		"ISO8601_TIMEZONE": `Z|[+-]%{HOUR}(?::?%{MINUTE})?`, "ISO8601_SECOND": `%{SECOND}`, "ISO8601_HOUR": `2[0-3]|[01][0-9]`,
		"TIMESTAMP_ISO8601": `%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?`,
		"TZ":                `[A-Z]{3,4}`, "DATESTAMP_RFC822": `%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}`, "DATESTAMP_RFC2822": `%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}`,
		"DATESTAMP_OTHER": `%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}`, "DATESTAMP_EVENTLOG": `%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}`,
		"HTTPDATE": `%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}`, "SYSLOGTIMESTAMP": `%{MONTH} +%{MONTHDAY} %{TIME}`,

		"PROG": `[\x21-\x5a\x5c\x5e-\x7e]+`, "SYSLOGPROG": `%{PROG:program}(?:\[%{POSINT:pid}\])?`, "SYSLOGHOST": `%{IPORHOST}`, "SYSLOGFACILITY": `<%{NONNEGINT:facility}.%{NONNEGINT:priority}>`,
		"SYSLOGBASE": `%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:`, "SYSLOGLINE": `%{SYSLOGBASE} %{GREEDYDATA:message}`,
		"LOGLEVEL":  `(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|emerg(?:ency)?|panic)`,
		"HTTPDUSER": `%{EMAILADDRESS}|%{USER}`,
		"COMMONAPACHELOG": `%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] "(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" ` +
			`%{NUMBER:response} (?:%{NUMBER:bytes}|-)`,
		"COMBINEDAPACHELOG": `%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}`,
		"JAVACLASS":         `(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*`, "JAVAFILE": `[A-Za-z0-9_. -]+`, "JAVAMETHOD": `<init>|<clinit>|[a-zA-Z$_][a-zA-Z$_0-9]*`,
	}
}
