using System.Text.RegularExpressions;
using TestGrid.Core.Text;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>The line that mends each trouble with a broker: to paste, with user, virtual host and names filled in.</summary>
internal static class BrokerRemedies
{
    private const string UsualPasswordFile = "/etc/testgrid/queue-password";

    public static string NoPassword =>
        $"{WritePassword(UsualPasswordFile)}   # then --queue-password-file {UsualPasswordFile}";

    public static string WritePassword(string file) =>
        $"install -m 600 -o {Bash.Word(Environment.UserName)} /dev/stdin {Bash.Word(file)}   # the password, Enter, Ctrl-D";

    public static string Unreadable(string file) =>
        $"chown {Bash.Word(Environment.UserName)} {Bash.Word(file)} && chmod 600 {Bash.Word(file)}";

    public static string Refused(BrokerAddress at) =>
        $"systemctl start rabbitmq-server   # on {at.Host}; it shall listen on port {at.Port}: rabbitmq-diagnostics listeners";

    public static string Unknown(BrokerAddress at) =>
        $"getent hosts {Bash.Word(at.Host)}   # finds nothing: mend the host in queue:url, or the name in /etc/hosts or DNS";

    public static string Unreachable(BrokerAddress at) =>
        $"timeout 5 bash -c '</dev/tcp/{at.Host}/{at.Port}'   # until it is silent: a firewall or a route between here and "
        + $"{at.Host}";

    public static string Silent(BrokerAddress at) =>
        $"rabbitmq-diagnostics check_running   # on {at.Host}; is port {at.Port} a broker's, and open all the way?";

    /// <summary>The broker does not tell which of the two is wrong.</summary>
    public static string Login(BrokerAddress at, QueueOptions options)
    {
        var user = Bash.Word(at.User);
        if (options.PasswordFile is not { Length: > 0 } file)
        {
            return "rabbitmqctl add_user testgrid   "
                + $"# on {at.Host}: guest may come from that machine alone. Then amqp{(at.Tls ? "s" : "")}://testgrid@{at}…";
        }
        return $"rabbitmqctl -q list_users </dev/null | cut -f1 | grep -qxF {user} && verb=change_password || verb=add_user; "
            + $"rabbitmqctl $verb {user}   "
            + $"# on {at.Host}; type what the first line of {file} is";
    }

    public static string Host(BrokerAddress at, QueueOptions options) =>
        $"rabbitmqctl add_vhost {Bash.Word(at.VirtualHost)} && {Permissions(at, options)}";

    public static string Restart(BrokerAddress at) =>
        $"rabbitmqctl restart_vhost -p {Bash.Word(at.VirtualHost)}   # on {at.Host}; its log says why it went down";

    public static string Permissions(BrokerAddress at, QueueOptions options)
    {
        var own = "^" + Regex.Escape(options.Name);
        return $"rabbitmqctl set_permissions -p {Bash.Word(at.VirtualHost)} {Bash.Word(at.User)} "
            + $"'{own}' '{own}|^amq\\.default$' '{own}'   # on {at.Host}";
    }

    /// <summary>Orders are copies of what the store has: deleting the queue loses none.</summary>
    public static string WrongKind(BrokerAddress at, string queue) =>
        $"rabbitmqctl delete_queue -p {Bash.Word(at.VirtualHost)} {Bash.Word(queue)}   "
        + $"# on {at.Host}; jobs on it are queued again. If it is somebody else's: another queue:name";

    public static string NoMajority(BrokerAddress at, QueueOptions options) =>
        $"rabbitmq-queues quorum_status --vhost {Bash.Word(at.VirtualHost)} {Bash.Word(options.Name)}   "
        + $"# on {at.Host}; most of its nodes must run";

    public static string Blocked(BrokerAddress at) =>
        $"rabbitmq-diagnostics alarms; df -h /var/lib/rabbitmq; free -h   # on {at.Host}; it needs room there";

    public static string Untrusted(BrokerAddress at) =>
        $"openssl s_client -connect {at} -showcerts </dev/null   "
        + "# shows who signed it; the authority's PEM file: --queue-ca-file FILE";

    public static string OtherName(BrokerAddress at) =>
        $"openssl s_client -connect {at} </dev/null | openssl x509 -noout -ext subjectAltName   "
        + "# one of these names belongs into queue:url";

    public static string OutOfDate(BrokerAddress at) =>
        $"openssl s_client -connect {at} </dev/null | openssl x509 -noout -dates   # renew it on {at.Host}; else date is wrong here";

    public static string NoTls(BrokerAddress at) =>
        $"rabbitmq-diagnostics listeners   # on {at.Host}; amqps:// wants a port with TLS (5671), amqp:// one without";

    public static string Unclear(BrokerAddress at) =>
        $"rabbitmq-diagnostics status; journalctl -u rabbitmq-server -n 50   # on {at.Host}: its log says more";
}
