import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Optional;
import java.util.UUID;
import org.springframework.stereotype.Component;

/** Says on every answer which instance gave it. Spring Boot 3 finds it by itself; it needs nothing else. */
@Component
public class InstanceIdFilter implements Filter {
  private final String id =
      Optional.ofNullable(System.getenv("INSTANCE_ID")).orElseGet(() -> UUID.randomUUID().toString().substring(0, 8));

  @Override
  public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    ((HttpServletResponse) response).setHeader("x-instance-id", id);
    chain.doFilter(request, response);
  }
}
